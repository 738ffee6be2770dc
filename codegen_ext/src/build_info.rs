//! What the loaded extension is, for `promo doctor` and for benchmarks.

use pyo3::prelude::*;

/// Name and value of each fact about this build, and about the machine's help
/// with AES.
#[pyfunction]
pub fn build_info() -> Vec<(&'static str, &'static str)> {
    vec![
        ("version", env!("CARGO_PKG_VERSION")),
        ("profile", env!("PROMO_BUILD_PROFILE")),
        ("target", std::env::consts::ARCH),
        ("aes", if has_aes() { "hardware" } else { "portable" }),
    ]
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes() -> bool {
    false
}
