//! Hands the name of the profile to `build_info`: cargo tells `release` and
//! `debug` only, but figures of a benchmark depend on which profile it was.

use std::{env, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // target/<profile>/build/<package>/out
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    let profile = Path::new(&out)
        .ancestors()
        .nth(3)
        .and_then(Path::file_name)
        .unwrap_or_default();
    println!(
        "cargo::rustc-env=PROMO_BUILD_PROFILE={}",
        profile.to_string_lossy()
    );
}
