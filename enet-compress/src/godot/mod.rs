//! The codecs that Godot offers besides ENet's own (`ENetConnection.compress`). Each is a feature; a datagram does not say
//! which one made it, so both ends must be set alike.

#[cfg(feature = "fastlz")]
mod fast_lz;
#[cfg(feature = "zlib")]
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(feature = "fastlz")]
pub use fast_lz::FastLz;
#[cfg(feature = "zlib")]
pub use zlib::Zlib;
#[cfg(feature = "zstd")]
pub use zstd::Zstd;
