//! Skeleton.

/// The messages of `promo.v1` and of the `google.*` packages that it imports.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod protocol {
    include!(concat!(env!("OUT_DIR"), "/protocol.rs"));

    /// Encoded `FileDescriptorSet` of the whole contract, for reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
}
