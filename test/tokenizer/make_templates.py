#!/usr/bin/env python3
# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes fixtures/templates/constructs.jsonl: constructs of Jinja2, and what Jinja2 renders as Hugging Face sets it up.

Needs jinja2, which the tests themselves do not.
"""

import datetime
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.sandbox

OUT = pathlib.Path(__file__).parent / "fixtures/templates/constructs.jsonl"
INPUT = {
    "messages": [
        {"role": "system", "content": "  Be brief. "},
        {"role": "user", "content": "Hé 你好 😀"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1, "b": [1.5, None, True]}}}]},
    ],
    "d": {"b": 2, "A": "x", "c": None},
    "l": [3, 1, 2],
    "s": "Hello, World",
    "t": True,
    "x": 7,
    "f": 0.1,
}
SOURCES = r"""
{{ 0x1f }} {{ 0X_1F }} {{ 0b1_0 }} {{ 0o17 }} {{ 1_000 }} {{ 1e5 }} {{ 00 }} {{ 1_0.0_1e1_0 }} {{ 1E+2 }} {{ 00.5 }} {{ 0x1e5 }} {{ 01.5 }} {{ [5].0x0 }} {{ [[1, 2]].0.1 }}|{{ 9223372036854775807 }}
{{ 1 }} {{ 1.0 }} {{ 1e16 }} {{ 1e-5 }} {{ 123456789.125 }} {{ f }} {{ f * 3 }} {{ 1/3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 1_000 }}
{{ none }} {{ true }} {{ [1, 'a', none, true, 1.5] }} {{ (1,) }} {{ (1, 2) }} {{ {'a': 1, 'b': [2]} }} {{ ['it\'s', "q\"", 'both\'"', 'n\nl', 'é\x01'] }}
{{ missing }}|{{ missing is defined }}|{{ missing ~ 'x' }}|{{ missing | default('d') }}|{{ '' | default('d', true) }}|{{ missing | length }}
{{ missing.x }}
{{ none.x }}|{{ d.zz }}|{{ d['zz'] }}
{{ none.x.y }}
{{ missing + 'x' }}
{{ 'a' + 1 }}
{{ 'a' ~ 1 ~ none ~ [1] }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'abc' }} {{ 'z' not in 'abc' }} {{ 1 in [1, 2] }} {{ 'b' in d }} {{ not t }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }}
{{ 1 in none }}
{{ 1 in 'abc' }}
{{ 'yes' if t else 'no' }} {{ 'x' if false }} {{ 1 and 'b' }} {{ 0 or 'c' }} {{ '' and 'b' }}
{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %}
{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined else '-' }}>{{ m.role }}>{{ loop.nextitem.role if not loop.last }};{% endfor %}
{% for m in messages if m.role != 'user' %}{{ loop.index }}{{ m.role }}{{ loop.length }} {% else %}none{% endfor %}
{% for m in [] %}x{% else %}empty{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for k, v in d | items %}{{ k }}{% endfor %}{% for k, v in d | dictsort %}{{ k }}{% endfor %}
{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in [1,2] %}{% for j in [1,2] %}{{ loop.index }}{{ loop.depth }} {% endfor %}{{ loop.cycle('a', 'b') }}{% endfor %}
{% set x = 1 %}{% for i in [1,2] %}{% set x = i %}{% endfor %}{{ x }}
{% set ns = namespace(n=0, s='') %}{% for i in l %}{% set ns.n = ns.n + i %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }}{{ ns.s }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = (3, 4) %}{{ c[1] }}
{% set d2 = d %}{% set d.x = 1 %}
{% set b %}  hi {{ s }} {% endset %}[{{ b }}]{% set c | upper %}abc{% endset %}{{ c }}
{% macro m(a, b='B', c=none) %}<{{ a }}{{ b }}{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(1, c=3) }}{{ m(b=1, a=2) }}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }}{{ m(1, 2, 3, b=4) }}{{ m(*[1, 2], **{'c': 5}) }}{{ m() }}
{% macro m(a, varargs=9) %}{{ a }}{{ varargs }}{% for k in kwargs %}{{ k }}={{ kwargs[k] }};{% endfor %}{% endmacro %}{{ m(1, 2, x=3, y=4) }}{{ m(1, x=5) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, b=2) }}
{% macro m(a) %}{{ varargs | length }}{% endmacro %}{{ m(1, 2, b=2) }}
{% macro m(a) %}{{ kwargs | length }}{% endmacro %}{{ m(1, 2, b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro w(k) %}{% for i in [1, 2] %}{{ caller(i, k) }}{% endfor %}{% endmacro %}{% call(i, k) w('x') %}[{{ i }}{{ k }}]{% endcall %}{% call(i, k, z=3) w('x') %}[{{ i }}{{ k }}{{ z }}]{% endcall %}{% call(i) w('x') %}[{{ i }}{{ varargs }}]{% endcall %}
{% macro w() %}{{ caller(1) }}{% endmacro %}{% call w() %}x{% endcall %}
{% macro w() %}{{ caller(z=1) }}{% endmacro %}{% call(z, y=2) w() %}{{ z }}{{ y }}{% endcall %}
{% macro w() %}[{{ caller() }}]{% endmacro %}{% call w() %}in{{ s }}{% endcall %}
{% macro tree(n) %}{{ n }}{% if n > 0 %}({{ tree(n - 1) }}){% endif %}{% endmacro %}{{ tree(3) }}
{% set outer = 'o' %}{% macro m() %}{{ outer }}{% endmacro %}{% set outer = 'p' %}{{ m() }}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}
{% filter upper %}abc{{ s }}{% endfilter %}
{% raw %}{{ x }} {% if %}{% endraw %}|
{# comment #}a{#- c -#} b
{% generation %}gen{{ s }}{% endgeneration %}
{{ s[0] }}{{ s[-1] }}{{ s[1:4] }}{{ s[::-1] }}{{ s[:-2] }}{{ l[1:] }}{{ l[::-1] }}{{ l[5] }}{{ messages[-1].role }}{{ messages[1].content[1] }}{{ messages[1].content[3:5] }}
{{ s.split(', ') }}{{ 'a b  c'.split() }}{{ 'a,b,c'.split(',', 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'a</think>b'.split('</think>')[-1] }}{{ ' a b '.split(' ') }}
{{ '  x '.strip() }}|{{ '  x '.lstrip() }}|{{ '  x '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ '\n\na\n'.strip('\n') }}|{{ 'abc'.rstrip('cb') }}
{{ s.startswith('He') }}{{ s.endswith('x') }}{{ s.startswith(('a', 'H')) }}{{ s.upper() }}{{ s.lower() }}{{ s.title() }}{{ s.replace('l', 'L') }}{{ s.replace('l', 'L', 1) }}{{ s.find('o') }}{{ s.rfind('o') }}{{ s.count('l') }}{{ s.index('W') }}
{{ 'ß'.upper() }}{{ 'éa bc'.title() }}{{ 'éA'.capitalize() }}{{ "they're bill's".title() }}|{{ "they're bill's" | title }}
{{ 'a-b'.partition('-') }}{{ 'a-b-c'.rpartition('-') }}{{ 'ab'.partition('-') }}{{ 'ab'.removeprefix('a') }}{{ 'ab'.removesuffix('b') }}{{ ', '.join(['a', 'b']) }}{{ 'a\nb\r\nc'.splitlines() }}
{{ 'ab'.center(6, '*') }}{{ 'ab'.ljust(4) }}|{{ 'ab'.rjust(4) }}{{ '12'.isdigit() }}{{ 'a1'.isalnum() }}{{ 'ab'.isalpha() }}{{ ' '.isspace() }}{{ 'AB'.isupper() }}{{ 'ab'.islower() }}
{{ d.get('b') }}{{ d.get('zz') }}{{ d.get('zz', 'e') }}{{ d.keys() }}{{ d.values() }}{{ d.items() }}{{ d.keys() | list }}{{ d.items() | list }}
{{ l.append(4) }}
{{ d.update({'a': 1}) }}
{{ messages | tojson }}
{{ d | tojson(indent=2) }}{{ d | tojson(separators=(',', ':')) }}{{ d | tojson(sort_keys=true) }}{{ 'é<>&' | tojson }}{{ 'é😀' | tojson(ensure_ascii=true) }}{{ [] | tojson(indent=2) }}{{ {} | tojson(indent=2) }}{{ [[1, {'a': []}]] | tojson(indent=4) }}
{{ missing | tojson }}
{{ [1.0, 1e22, 0.1, 1e-7, 100000000000000000.0] | tojson }} {{ 1e22 }} {{ 123456789012345680.0 }}
{{ messages | length }}{{ 'é你😀' | length }}{{ d | length }}{{ d | count }}
{{ l | join(', ') }}{{ l | sort }}{{ l | sort(reverse=true) }}{{ l | first }}{{ l | last }}{{ l | min }}{{ l | max }}{{ l | sum }}{{ l | reverse | list }}{{ 'abc' | reverse }}{{ [] | first }}{{ ['b', 'A', 'c'] | sort }}{{ ['a', 'A', 'b'] | unique | list }}
{{ messages | map(attribute='role') | join(',') }}{{ messages | map(attribute='zz', default='-') | list }}{{ ['a', 'b'] | map('upper') | list }}{{ l | map('string') | join }}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('role', 'eq', 'user') | map(attribute='role') | list }}{{ messages | selectattr('tool_calls', 'defined') | list | length }}{{ messages | selectattr('tool_calls') | map(attribute='role') | first }}{{ l | select('odd') | list }}{{ l | reject('gt', 1) | list }}{{ l | select('in', [1, 2]) | list }}{{ messages | selectattr('role', '==', 'user') | list | length }}
{{ messages | selectattr('role', 'equalto', 'user') | length }}
{{ 'yes' if messages | selectattr('role', 'equalto', 'zz') else 'no' }}
{% set g = l | select %}{{ g | list }}{{ g | list }}
{{ ' x ' | trim }}|{{ 'xax' | trim('x') }}|{{ s | upper }}|{{ s | lower }}|{{ 'hELLO' | capitalize }}|{{ s | replace('l', 'L') }}|{{ 'a b c' | wordcount }}|{{ 'abc' | list }}|{{ 'x' | center(5) }}|
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(2, blank=true) }}
{{ '42' | int }}{{ 'x' | int }}{{ 'x' | int(5) }}{{ 3.7 | int }}{{ '3.7' | int }}{{ '1.5' | float }}{{ 2 | float }}{{ 3.14159 | round(2) }}{{ 2.5 | round }}{{ 2.1 | round(method='ceil') }}{{ -3 | abs }}{{ true | string }}{{ 5 | string ~ 'x' }}
{{ '%s is %d' | format('a', 5) }}{{ '%s-%s' % ('a', 'b') }}{{ '%.2f' % 3.14159 }}{{ '%05d' % 42 }}{{ 'x%%' % () }}{{ '%s' % 'a' }}
{{ '{} {}'.format('a', 1) }}{{ '{0}{x}{{}}'.format('a', x=2) }}
{{ '{:>5}|{:<5}|{:^5}|{:*^6}|{:5}|{:5}|{:05}|{:>05}'.format('a', 'b', 'c', 'é', 'x', 7, -7, 3) }}
{{ '{:.2f}|{:8.3f}|{:+d}|{: d}|{:x}|{:#X}|{:#b}|{:o}|{:,}|{:_}|{:_x}|{:e}|{:.1%}|{:g}|{:08.2f}|{:*=+6}|{:012,}|{:09,}|{:06,}|{:+.1e}'.format(3.14159, 2.5, 5, 5, 255, 255, 5, 8, 1234567, 1234567, 65536, 12345.678, 0.256, 0.00001, -3.14159, 5, 1234, 1234, 1234, 0.0) }}
{{ '{}|{:>6}|{:<6}|{:.3}|{:.3}|{:.3}|{:.3}|{:10.4}|{:,}|{:.0f}|{:%}|{:F}|{:.3}|{:g}|{:E}'.format(1.5, 1.5, 0.1, 3.14159, 1.0, 123.0, 123456.0, 2.5, 12345.678, 2.5, 0.5, 1.5, 1e-7, 100000.0, 0.5) }}
{{ '{:>6}|{!r}|{!s:>6}|{!r:>6}|{x!r}|{:.2}|{:s}'.format(true, 'a', none, 'b', 'hello', 'z', x='q') }}
{{ '{0.role}|{0[role]}|{m.role:>8}|{l[0]}|{l[2]:03}'.format(messages[0], m=messages[1], l=l) }}
{{ '{:d}'.format('a') }}
{{ '{:>5}'.format(none) }}
{{ '{:d}'.format(1.5) }}
{{ '{:.2}'.format(5) }}
{{ '{' }}{{ '{'.format(1) }}
{{ '}'.format(1) }}
{{ '%5.1f|%-6s|%6s|%+d|% d|%x|%X|%o|%#x|%05.1f|%e|%G|%.2s|%i|%r|%8r|%.3d|%-5d|%05d|%5.3d' % (1.25, 'a', 'é', 5, 5, 255, 255, 8, 255, -2.5, 12345.678, 1e-7, 'hello', 3.9, 'x', 'y', 5, 6, -42, 7) }}
{{ '%d' % 'a' }}
{{ l | batch(2) | list }}{{ [1,2,3] | batch(2, 0) | list }}
{{ 1 is odd }}{{ 2 is even }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(2) }}{{ x is number }}{{ 1.5 is float }}{{ 1 is integer }}{{ true is integer }}{{ true is number }}{{ true is boolean }}{{ t is true }}{{ t is false }}{{ s is string }}{{ d is mapping }}{{ l is sequence }}{{ s is sequence }}{{ d is sequence }}{{ l is iterable }}{{ 1 is iterable }}{{ none is none }}{{ x is not none }}{{ missing is undefined }}{{ x is eq 7 }}{{ x is in [7] }}{{ x is not in [7] }}{{ 'a' is lower }}{{ 'A' is upper }}{{ x is sameas x }}{{ range is callable }}{{ x is gt 5 }}
{{ x is defined and x == 7 }}{{ x is defined or false }}{{ not x is defined }}{{ (x is none) or t }}
{{ range(3) | list }}{{ range(1, 10, 3) | list }}{{ range(3, 0, -1) | list }}{{ range(3) | length }}{{ range(5)[1] }}
{{ dict(a=1, b='x') }}{{ dict({'a': 1}, b=2) }}{{ dict([('a', 1)]) }}{{ namespace(a=1).a }}
{{ raise_exception('boom') }}
{{ strftime_now('%Y-%m-%d %d %b %Y %H:%M') }}
  {% if t %}
    yes
  {% endif %}
end
{% if t -%}   a   {%- endif %}   b
{%- if t %} a {% endif -%}   b
   {%+ if t %}a{% endif +%}
x
   {# c #}
y   {{- s -}}   z
{{ "a" "b" }}{{ 'a' 'b' 'c' }}{{ "\u00e9\x41\101\t|\q" }}
{{ {'a': {'b': {'c': 1}}}.a.b.c }}{{ {'a': 1}['a'] }}{{ [[1, 2], [3]][0][1] }}{{ {'items': 5}['items'] }}{{ {1: 'x'}[1] }}
{{ -1 | abs }}{{ -x }}{{ +x }}{{ not not t }}{{ 2 * 3 + 4 }}{{ 2 + 3 * 4 }}{{ (2 + 3) * 4 }}{{ 'a' * 3 }}{{ [1] * 2 }}{{ [1] + [2] }}{{ 2 ** 3 ** 2 }}{{ 1 - 1 - 1 }}{{ 10 / 4 }}{{ 10 / 5 }}{{ 7 % 4 }}{{ 7.5 // 2 }}{{ 1 + 1.5 }}
{{ 1 / 0 }}
{{ x.foo() }}
{{ s.foo }}|{{ s.foo is defined }}
{{ l.0 }}{{ messages.1.role }}
{{ s | nofilter }}
{% if false %}{{ s | nofilter }}{% endif %}ok
{% if true %}{{ s | nofilter }}{% endif %}ok
{% if x == 1 %}a{% elif x == 7 %}b{% elif x == 8 %}c{% else %}d{% endif %}
{% for m in messages %}{% set c = m.content if m.content is string else '' %}{{ c | trim }};{% endfor %}{{ c }}
{% for m in messages %}{% if loop.index0 == 0 %}{% set first = m %}{% endif %}{{ first.role }}{% endfor %}
{{ messages[0]['content'] | trim + '!' }}{{ (messages[0]['content'] | trim) ~ '!' }}
{{ messages[2].tool_calls[0].function.arguments | tojson }}{{ messages[2].tool_calls[0]['function']['name'] }}
{{ messages[2].content + 'x' }}
{{ '' if messages[2].content is none else messages[2].content }}
{{ ''.__class__ }}|
{{ ''.__class__.__mro__ }}
{{ [1, 2, 3][1:] | first }}{{ (l | sort)[0] }}{{ (l | sort | list)[-1] }}
{{ d | dictsort(by='value') if false else 'n' }}{{ {'b': 1, 'a': 2} | dictsort }}{{ {'b': 1, 'a': 2} | dictsort(by='value', reverse=true) }}
{{ [{'n': 2}, {'n': 1}] | sort(attribute='n') }}{{ [{'n': 2}, {'n': 1}] | sum(attribute='n') }}{{ [{'n': 2}, {'n': 1}] | map(attribute='n') | max }}
{{ '<a href="x">' | e }}{{ 'x' | safe }}
{{ '<b>' | safe + '<i>' }}|{{ '<i>' + '<b>' | safe }}|{{ '<b>' | safe ~ '<i>' }}|{{ ('<b>' | safe + 'x') | escape }}|{{ '<' | e | e }}|{{ '<' | e | forceescape }}
{{ ('<b>' | safe)[0] + '<' }}|{{ (' <b> ' | safe | trim | upper) + '<' }}|{{ ('<' | safe * 2) + '<' }}|{{ ('<b>' | safe).strip() + '<' }}|{{ ('<b>' | safe | replace('b', 'i')) + '<' }}|{{ ['<' | safe, '<'] | join + '<' }}
{{ '<' is escaped }}{{ '<' | safe is escaped }}{{ '<' | e is escaped }}{{ ('<' | safe) == '<' }}{{ {'a': '<' | safe}.get('a') + '<' }}{{ '<' | safe | tojson }}
{% print s %}
{{ [] }}{{ {} }}{{ () }}{{ '' }}{{ [none] }}
{{ 'abc'[1] }}{{ 'abc'[7] }}{{ d[none] }}{{ s[none] }}
{{ messages == messages }}{{ [1, 2] == [1, 2] }}{{ [1] == (1,) }}{{ {'a': 1} == {'a': 1.0} }}{{ [1, 2] < [1, 3] }}
{{ none < 1 }}
{{ [1, 'a'] | sort }}
{% set x = x + 1 %}{{ x }}{% set s = s ~ '!' %}{{ s }}
{% macro a() %}A{% endmacro %}{% macro b() %}{{ a() }}B{% endmacro %}{{ b() }}{{ b() | lower }}{% set r = b() %}{{ r | length }}
{% for i in 'aé' %}{{ i }}.{% endfor %}{% for i in 5 %}{% endfor %}
{%- for i in 'aé' -%} {{ i }} {%- endfor -%}
{{ 'A' if t else 'B' if x else 'C' }}{{ ('a' if t) ~ 'b' }}{{ [1 if t else 2] }}
{{ "a" if missing else "b" }}{{ "a" if missing is not defined and t else "b" }}{{ missing == none }}{{ missing is none }}{{ missing or 'z' }}
{% filter upper | replace('A', 'x') %}abc{% endfilter %}{% set y | trim | upper | replace('B', '-') %} aB {% endset %}{{ y }}|
{{ none | select | list }}|{{ 0 | map('upper') | list }}|{{ none | selectattr('a') | list | length }}|{{ false | rejectattr('a') | list }}
{{ 5 | select | list }}
{% macro m(a, b=2, c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*l) }}{{ m(1, *[5]) }}{{ m(*[1], c=9) }}{{ m(**{'a': 7, 'c': 8}) }}{{ dict(a=1, **{'b': 2}) }}{{ range(*[1, 3]) | list }}{{ [m][0](*[[4]]) }}
{{ range(**[1]) }}
{{ range(**{1: 2}) }}
{{ range(*5) }}
{% for i in [1, 1, 2, 2, 1] %}{{ i if loop.changed(i) }}{% endfor %}
{{ 2.675 | round(2) }}{{ 5 | round }}{{ 1234 | round(-2) }}{{ 1234.5 | round(-2) }}{{ 0.5 | round }}{{ -2.5 | round }}{{ 1e300 | round(2) }}{{ 1.005 | round(2) }}{{ 12.5 | round(-3) }}{{ -0.04 | round(1) }}{{ 2.55 | round(1, 'floor') }}
{{ 'inf' | float }}{{ '-Infinity' | float }}{{ ' NaN ' | float }}{{ 'infinit' | float }}{{ 'in' | float(2) }}
{{ 'a-b c_d, é!' | wordcount }}{{ '' | wordcount }}{{ 'x\x7f' | tojson(ensure_ascii=true) }}
{{ 3.0 is odd }}{{ 4.0 is even }}{{ 4.5 is even }}{{ 6.0 is divisibleby 3 }}
{{ 'a' is odd }}
{{ 'abc'.find('c', 1) }}{{ 'abcabc'.find('a', 1) }}{{ 'abc'.find('a', -1) }}{{ 'éaé'.find('é', 1) }}{{ 'abcabc'.rfind('c', 0, 5) }}{{ 'abcabc'.index('b', 2) }}{{ 'abcabc'.count('a', 1) }}{{ 'abc'.startswith('b', 1) }}{{ 'abc'.endswith('b', 0, 2) }}{{ 'abc'.find('a', 9) }}{{ 'abc'.startswith(('x', 'c'), -1) }}
{{ '%s %s' % 'a' }}
{{ 'a' % 'b' }}
{{ 'a' % [1] }}{{ '%s' % [1, 2] }}{{ '%(b)s' % d }}{{ '%5s|%-5s|%s' % ('a', 'é', 1) }}
{{ {[1]: 2} }}
{{ {l: 2} }}
{{ strftime_now() }}
{{ [{}] | map(attribute='---------------------------------------------------x') | list }}{{ [[7, 8]] | map(attribute='1') | list }}
{{ 'ß ﬁ ŉ ǰ ΐ և ᾀ ᾲ ᾷ ẚ ǆ ǅ ẞ İ ſ'.upper() }}|{{ 'ß ﬁ ŉ ǰ ΐ և ᾀ ᾲ ᾷ ẚ ǆ Ǆ ẞ İ ſ'.title() }}|{{ 'ẞ İ ᾈ Ǆ ǅ K Å'.lower() }}|{{ 'ǆA ßA'.capitalize() }}{{ 'ﬁA' | capitalize }}{{ 'ß a-ß (ﬁn' | title }}
{{ 'ΟΔΟΣ ΣΑΣ Σ A.Σ AΣ.B ΑΣ\u0301 ΑΣ\u0301Α' | lower }}|{{ 'ΟΔΟΣ' | capitalize }}{{ 'οδοΣ ΣΑΣ' | title }}{{ 'ΑΣ ΑΣ'.title() }}{{ 'ªA ⅰA ʰA'.title() }}
{{ '²'.isdigit() }}{{ '²'.isdecimal() }}{{ '½'.isdigit() }}{{ '½'.isnumeric() }}{{ '三'.isnumeric() }}{{ '中'.isnumeric() }}{{ '٣'.isdigit() }}{{ '²½三a'.isalnum() }}{{ 'Ⅷ'.isupper() }}{{ 'ª'.islower() }}{{ 'ǅ'.isupper() }}{{ 'ⓐ' is lower }}
{{ l.append }}|{{ d.update }}|{{ l.append is defined }}|{{ {'pop': 1}.pop }}|{{ {'pop': 1}['pop'] }}
{{ l.append + 'x' }}
{{ range(5) }}{{ range(2, 9, 3) }}{{ range(5, 3) }}{{ [range(3, 0, -1)] }}
{% macro m(a) %}{% endmacro %}{{ m }}{{ [m] }}{% for i in l %}{{ loop }}{% endfor %}{% macro w() %}{{ caller }}{% endmacro %}{% call w() %}{% endcall %}
{{ ['<' | safe, '<'] }}
{{ 1 // 0.1 }} {{ 1 % 0.1 }} {{ 7.5 % -2 }} {{ -7.5 // 2 }} {{ 5.0 % 3 }} {{ -0.0 // 3 }} {{ 1e300 % 7 }} {{ 6.5 % 1e400 }} {{ -3 % 1e400 }} {{ 2.0 ** 3 }} {{ 4 ** -2 }} {{ (-2) ** 63 }} {{ 0 ** 0 }} {{ (-1) ** 999999999 }}
{{ 0 ** -1 }}
{{ 9223372036854775807 | round(-2) }} {{ -15 | round(-1) }} {{ -25 | round(-1) }} {{ 35 | round(-1) }} {{ 7 | round(-30) }} {{ -9223372036854775807 | round(-19) if false else 1 }} {{ 4999999999999999999 | round(-19) }} {{ 2.5e18 | round(-400) }}
{{ 1 | round(-400, 'floor') }}
{% macro m(a, b=1) %}{{ kwargs }}{% endmacro %}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.other }}
{{ '{4294967296}'.format('a') }}
{{ '%(' % d }}
{% macro w() %}{{ caller.name }}[{{ w.name }}]{% endmacro %}{% call w() %}{% endcall %}
{{ '9007199254740993' | int }}{{ ' -1_000 ' | int }}{{ '1__0' | int(3) }}{{ '1e3' | int }}{{ '0.0' | int(5) }}{{ 'x' | int(2.5) }}{{ [] | int(4) }}{{ 'inf' | int(6) }}{{ 'nan' | float | int }}{{ '-9223372036854775808' | int }}{{ 5 | int(0, 16) }}
{{ 'inf' | float | int }}
{{ [] | first + 'x' }}
{{ strftime_now('%H%z%Z%%z|%f%') }}{{ strftime_now('') }}|
{{ '😀'[0] }}{{ '😀é' | reverse }}{{ '😀é'[::-1] }}{{ '你好'.find('好') }}
"""


def environment():
    class Generation(jinja2.ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

        def _body(self, caller):
            return caller()

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = datetime.datetime(2026, 3, 4, 5, 6, 7).strftime
    return env


def sources():
    """Every line, and some of the lines together with those that follow."""
    lines = SOURCES.strip("\n").split("\n")
    yield from lines
    start = lines.index("  {% if t %}")
    for sign in ("", "+", "-"):
        yield f"x{{% raw %}}\n {{%{sign} endraw %}}\ny{{% raw -%}}\n\n {{%{sign} endraw %}}z{{% raw %}}  {{%{sign} endraw %}}"
    for size in (2, 4, 5, 8, 12):
        yield "\n".join(lines[start:start + size])
        yield "\r\n".join(lines[start + 1:start + size]) + "\n"


def main():
    env = environment()
    with open(OUT, "w", encoding="utf-8") as out:
        for source in sources():
            entry = {"source": source, "input": json.dumps(INPUT)}
            try:
                entry["text"] = env.from_string(source).render(tools=None, documents=None, **INPUT)
            except jinja2.exceptions.TemplateSyntaxError:
                continue
            except Exception as error:
                entry["error"] = str(error)[:60]
            out.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    main()
