//! Compiles the contract with a pure Rust compiler, so that building the engine
//! needs no `protoc`.

use std::{env, path::PathBuf};

use prost_build::Config;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../../proto");
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("promo/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "proto")
    });
    files.sort();
    // Nothing imports the details of errors; they travel inside of Any.
    files.push(root.join("third_party/google/rpc/error_details.proto"));
    println!("cargo:rerun-if-changed={}", root.display());

    let third_party = root.join("third_party");
    let mut compiler = protox::Compiler::new([&root, &third_party])?;
    compiler.include_imports(true).include_source_info(false);
    compiler.open_files(files)?;
    // Reflection serves the set as protox wrote it: extension values (the
    // details of reasons) do not survive a round trip through prost types.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    std::fs::write(
        out.join("descriptors.binpb"),
        compiler.encode_file_descriptor_set(),
    )?;

    let mut config = Config::new();
    config
        .include_file("protocol.rs")
        // Sorted maps, so that equal messages have equal bytes.
        .btree_map(["."])
        .bytes([".google.protobuf.Any.value"])
        .enable_type_names();
    config.compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
