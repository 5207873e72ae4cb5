// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan --verify-diagnostics

// expected-error @+1 {{expects the model's facts in attribute 'deepseek.model'}}
module {}
