//! The contract as Rust types, generated from `wit/extractor.wit`.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wasmtime::component::bindgen!({
    path: "../wit/extractor.wit",
    world: "extractor",
    imports: { default: async | trappable },
    exports: { default: async },
});
