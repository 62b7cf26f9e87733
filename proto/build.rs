//! Compiles `sonde/v1/*.proto` without protoc: messages, clients, servers and the embedded descriptor set.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use protox::prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=sonde");
    let files = protos(Path::new("sonde/v1"))?;
    // With source info, so that a reflecting client shows the comments of the contract.
    let descriptors = protox::Compiler::new(["."])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(files)?
        .file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("sonde.v1.bin"), descriptors.encode_to_vec())?;

    let mut config = prost_build::Config::new();
    // The canonical JSON mapping finds a message's descriptor by its name.
    config.enable_type_names();
    // Evidence is much larger than the other events.
    config.boxed(".sonde.v1.DiagnosisEvent.event.evidence");
    config.boxed(".sonde.v1.DiagnosisEvent.event.finished");
    // A hundred thousand rows in messages of their own would cost more than reading them from the kernel.
    config.extern_path(".sonde.v1.ListSocketsResponse", "crate::rows::ListSocketsResponse");
    // An event is written once, for as many readers as there are.
    for response in [".sonde.v1.DiagnoseResponse", ".sonde.v1.RunCheckResponse"] {
        config.extern_path(response, "crate::events::EventResponse");
    }
    tonic_prost_build::configure().build_transport(false).compile_fds_with_config(descriptors, config)?;
    Ok(())
}

/// The files of the contract, in a stable order.
fn protos(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
