// Each constraint of rotation and of the ops on caches, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @rope_c1(%x: tensor<?x4xf32>, %t: tensor<16x4x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.rope' op expects heads of 8 numbers, but got a row of 4}}
  %k = deepseek.rope interleaved %x, %t at %p : tensor<?x4xf32>, tensor<16x4x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @cache_append_c2(%c: !deepseek.cache<latent: 13 x f32>, %l: index, %x: tensor<?x8xf32>, %k: tensor<?x4xf32>,
                           %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.cache_append' op expects parts of 13 numbers together, but got 12}}
  %d = deepseek.cache_append %c["latent"][%l], %x, %k at %p
      : !deepseek.cache<latent: 13 x f32>, tensor<?x8xf32>, tensor<?x4xf32> at tensor<?xi32>
  return
}

// -----

func.func @cache_append_c3(%c: !deepseek.cache<key: 2 x 4 x f32>, %l: index, %x: tensor<?x4xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.cache_append' op expects one part for all heads of "key"}}
  %d = deepseek.cache_append %c["key"][%l], %x, %x at %p
      : !deepseek.cache<key: 2 x 4 x f32>, tensor<?x4xf32>, tensor<?x4xf32> at tensor<?xi32>
  return
}

// -----

func.func @cache_append_c1(%c: !deepseek.cache<key: 8 x f32, value: 8 x f32>, %l: index, %x: tensor<?x8xf32>,
                           %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.cache_append' op expects a store "keys", but got '!deepseek.cache<key: 8 x f32, value: 8 x f32>'}}
  %d = deepseek.cache_append %c["keys"][%l], %x at %p
      : !deepseek.cache<key: 8 x f32, value: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
  return
}

// -----

func.func @rope_c1_heads(%x: tensor<?x6xf32>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.rope' op expects heads of 4 numbers, but got a row of 6}}
  %k = deepseek.rope interleaved %x, %t at %p : tensor<?x6xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_c1_rank(%x: tensor<?x4xf32>, %t: tensor<16x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.rope' op expects a table [positions, pairs, 2], but got 'tensor<16x2xf32>'}}
  %k = deepseek.rope interleaved %x, %t at %p : tensor<?x4xf32>, tensor<16x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @mla_append_c2_odd(%c: !deepseek.cache<latent: 16 x f32>, %l: index, %x: tensor<?x16xf32>, %n: tensor<11xbf16>,
                             %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_append' op expects pairs of numbers to rotate, but got 5 numbers}}
  %d = deepseek.mla_append interleaved %c[%l], %x, %n, %t at %p eps 0.5
      : !deepseek.cache<latent: 16 x f32>, tensor<?x16xf32>, tensor<11xbf16>, tensor<16x2x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @mla_append_c1_rank(%c: !deepseek.cache<latent: 16 x f32>, %l: index, %x: tensor<?x16xf32>, %n: tensor<1x12xbf16>,
                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_append' op expects a norm [latent] of less than 16 numbers, but got 'tensor<1x12xbf16>'}}
  %d = deepseek.mla_append interleaved %c[%l], %x, %n, %t at %p eps 0.5
      : !deepseek.cache<latent: 16 x f32>, tensor<?x16xf32>, tensor<1x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @mla_append_c1_width(%c: !deepseek.cache<latent: 16 x f32>, %l: index, %x: tensor<?x16xf32>, %n: tensor<16xbf16>,
                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_append' op expects a norm [latent] of less than 16 numbers, but got 'tensor<16xbf16>'}}
  %d = deepseek.mla_append interleaved %c[%l], %x, %n, %t at %p eps 0.5
      : !deepseek.cache<latent: 16 x f32>, tensor<?x16xf32>, tensor<16xbf16>, tensor<16x2x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @mla_append_c2(%c: !deepseek.cache<latent: 16 x f32>, %l: index, %x: tensor<?x16xf32>, %n: tensor<12xbf16>,
                  %t: tensor<16x3x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_append' op expects a table [positions, 2, 2], but got 'tensor<16x3x2xf32>'}}
  %d = deepseek.mla_append interleaved %c[%l], %x, %n, %t at %p eps 0.5
      : !deepseek.cache<latent: 16 x f32>, tensor<?x16xf32>, tensor<12xbf16>, tensor<16x3x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @mla_append_c3(%c: !deepseek.cache<latent: 17 x f32>, %l: index, %x: tensor<?x16xf32>, %n: tensor<12xbf16>,
                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_append' op expects a store "latent" of 16 numbers, but got '!deepseek.cache<latent: 17 x f32>'}}
  %d = deepseek.mla_append interleaved %c[%l], %x, %n, %t at %p eps 0.5
      : !deepseek.cache<latent: 17 x f32>, tensor<?x16xf32>, tensor<12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @mla_append_c4(%c: !deepseek.cache<latent: 16 x f32>, %l: index, %x: tensor<?x16xf32>, %n: tensor<12xbf16>,
                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_append' op expects a finite eps of 0 or more, but got -5.000000e-01}}
  %d = deepseek.mla_append interleaved %c[%l], %x, %n, %t at %p eps -0.5
      : !deepseek.cache<latent: 16 x f32>, tensor<?x16xf32>, tensor<12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>
  return
}
