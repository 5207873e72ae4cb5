// Buffers, weights and rows of the cache whose types say something else than their operands.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @buffer_c1_missing(%call: !plan.call) {
  // expected-error @+1 {{'plan.buffer' op expects 1 sizes, but got 0}}
  %b = plan.buffer of %call bytes 64 : memref<?x8xf32>
  return
}

// -----

func.func @buffer_c1_unexpected(%call: !plan.call, %n: index) {
  // expected-error @+1 {{'plan.buffer' op expects 0 sizes, but got 1}}
  %b = plan.buffer of %call bytes 64 sizes(%n) : memref<2x8xf32>
  return
}

// -----

func.func @buffer_strided(%call: !plan.call, %n: index) {
  // expected-error @+1 {{'plan.buffer' op result #0 must be contiguous memref of numbers, but got 'memref<?x4xf32, strided<[8, 1]>>'}}
  %b = plan.buffer of %call bytes 64 sizes(%n) : memref<?x4xf32, strided<[8, 1]>>
  return
}

// -----

func.func @argument_layout(%call: !plan.call) {
  // expected-error @+1 {{'plan.argument' op result #0 must be contiguous memref of numbers, of static shape but for the first dimension, but got 'memref<?xi32, strided<[2]>>'}}
  %a = plan.argument "tokens" of %call : memref<?xi32, strided<[2]>>
  return
}

// -----

func.func @weight_elements(%call: !plan.call) {
  // expected-error @+1 {{'plan.weight' op result #0 must be contiguous memref of numbers, of static shape or}}
  %w = plan.weight of %call @w slices 0, 1 : memref<8xindex>
  return
}

// -----

func.func @expert_c1(%t: !plan.table<memref<4x8xbf16>>, %i: index) {
  // expected-error @+1 {{'plan.expert' op expects 'memref<4x8xbf16>', but got 'memref<8x4xbf16>'}}
  %e = plan.expert %t[%i] : <memref<4x8xbf16>> -> memref<8x4xbf16>
  return
}

// -----

func.func @operand_c1(%task: !plan.task, %item: index) {
  // expected-error @+1 {{'plan.operand' op expects an item's memory of as many rows as its factor, but got 'memref<1x8xf32>'}}
  %m = plan.operand 0 of %task at %item factor 2 : memref<1x8xf32>
  return
}

// -----

func.func @operand_c1_table(%task: !plan.task, %item: index) {
  // expected-error @+1 {{'plan.operand' op expects an item's memory of as many rows as its factor, but got '!plan.table<memref<4x8xbf16>>'}}
  %m = plan.operand 0 of %task at %item factor 1 : !plan.table<memref<4x8xbf16>>
  return
}

// -----

func.func @operand_c2(%task: !plan.task) {
  // expected-error @+1 {{'plan.operand' op expects memory of any number of rows with a factor, but got 'memref<2x8xf32>'}}
  %m = plan.operand 0 of %task factor 2 : memref<2x8xf32>
  return
}

// -----

func.func @record_state_c1(%call: !plan.call, %x: memref<8x?xf32>) {
  // expected-error @+1 {{'plan.record_state' op expects f32 or bf16 rows of a static width, but got 'memref<8x?xf32>'}}
  plan.record_state of %call %x layer 0 : memref<8x?xf32>
  return
}

// -----

func.func @record_state_columns(%call: !plan.call, %x: memref<?x4xf32, strided<[8, 1]>>) {
  // expected-error @+1 {{'plan.record_state' op operand #1 must be contiguous memref of numbers, but got 'memref<?x4xf32, strided<[8, 1]>>'}}
  plan.record_state of %call %x layer 0 : memref<?x4xf32, strided<[8, 1]>>
  return
}

// -----

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, offset = 0>]} {
  func.func @cache_row_c1(%task: !plan.task, %i: index) {
    // expected-error @+1 {{'plan.cache_row' op expects a store of 'plan.stores', but got "key"}}
    %c = plan.cache_row "key" of %task[%i] at %i layer %i : memref<8xf32>
    return
  }
}

// -----

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, offset = 0>]} {
  func.func @cache_row_c2(%task: !plan.task, %i: index) {
    // expected-error @+1 {{'plan.cache_row' op expects 'memref<8xf32>', but got 'memref<9xf32>'}}
    %c = plan.cache_row "latent" of %task[%i] at %i layer %i : memref<9xf32>
    return
  }
}

// -----

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 9, element = bf16, offset = 0>]} {
  func.func @cache_row_c2_bytes(%task: !plan.task, %i: index) {
    // expected-error @+1 {{'plan.cache_row' op expects 'memref<20xi8>', but got 'memref<9xf32>'}}
    %c = plan.cache_row "latent" of %task[%i] at %i layer %i : memref<9xf32>
    return
  }
}

// -----

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, offset = 0>]} {
  func.func @read_number_c1(%row: memref<32xi8>, %i: index) {
    // expected-error @+1 {{'plan.read_number' op expects a store of 'plan.stores' that is not f32, but got "latent"}}
    %x = plan.read_number "latent" %row[%i] : memref<32xi8>
    return
  }
}

// -----

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, element = bf16, offset = 0>]} {
  func.func @read_number_c2(%row: memref<32xi8>, %i: index) {
    // expected-error @+1 {{'plan.read_number' op expects a row 'memref<16xi8>', but got 'memref<32xi8>'}}
    %x = plan.read_number "latent" %row[%i] : memref<32xi8>
    return
  }
}

// -----

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, element = bf16, offset = 0>]} {
  func.func @write_row_c1(%x: memref<8xf32>, %row: memref<16xi8>) {
    // expected-error @+1 {{'plan.write_row' op expects a store of 'plan.stores' that is not f32, but got "key"}}
    plan.write_row "key" %x, %row : memref<8xf32>, memref<16xi8>
    return
  }
}

// -----

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, element = bf16, offset = 0>]} {
  func.func @write_row_c2(%x: memref<8xf32>, %row: memref<8xi8>) {
    // expected-error @+1 {{'plan.write_row' op expects a row 'memref<16xi8>', but got 'memref<8xi8>'}}
    plan.write_row "latent" %x, %row : memref<8xf32>, memref<8xi8>
    return
  }
}

// -----

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, element = bf16, offset = 0>]} {
  func.func @write_row_c3(%x: memref<7xf32>, %row: memref<16xi8>) {
    // expected-error @+1 {{'plan.write_row' op expects numbers 'memref<8xf32>', but got 'memref<7xf32>'}}
    plan.write_row "latent" %x, %row : memref<7xf32>, memref<16xi8>
    return
  }
}

// -----

func.func @argument_c1(%call: !plan.call) {
  // expected-error @+1 {{'plan.argument' op expects an array of a call, but got "token"}}
  %a = plan.argument "token" of %call : memref<?xi32>
  return
}

// -----

func.func @argument_c2_numbers(%call: !plan.call) {
  // expected-error @+1 {{'plan.argument' op expects memref<?xi32>, but got 'memref<?x8xi32>'}}
  %a = plan.argument "tokens" of %call : memref<?x8xi32>
  return
}

// -----

func.func @argument_c2_rows(%call: !plan.call) {
  // expected-error @+1 {{'plan.argument' op expects memref<?xWxf32>, but got 'memref<?xf32>'}}
  %a = plan.argument "logits" of %call : memref<?xf32>
  return
}
