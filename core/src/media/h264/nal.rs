//! NAL unit types (H.264 table 7-1, RFC 6184 table 1) and the one-byte NAL unit header.

/// Coded slice of a non-IDR picture.
pub const SLICE: u8 = 1;
/// Coded slice data partition A.
pub const PARTITION_A: u8 = 2;
/// Coded slice of an IDR picture.
pub const IDR: u8 = 5;
/// Supplemental enhancement information.
pub const SEI: u8 = 6;
/// Sequence parameter set.
pub const SPS: u8 = 7;
/// Picture parameter set.
pub const PPS: u8 = 8;
/// Access unit delimiter.
pub const DELIMITER: u8 = 9;
/// End of sequence.
pub const END_OF_SEQUENCE: u8 = 10;
/// End of stream.
pub const END_OF_STREAM: u8 = 11;
/// Prefix NAL unit: goes before a slice and says more of it (H.264 7.4.1.2.3, SVC).
pub const PREFIX: u8 = 14;
/// Single-time aggregation packet without decoding order numbers (RFC 6184 5.7.1).
pub const STAP_A: u8 = 24;
/// Single-time aggregation packet with decoding order numbers.
pub const STAP_B: u8 = 25;
/// Multi-time aggregation packet with 16-bit timestamp offsets (RFC 6184 5.7.2).
pub const MTAP16: u8 = 26;
/// Multi-time aggregation packet with 24-bit timestamp offsets.
pub const MTAP24: u8 = 27;
/// Fragmentation unit without a decoding order number (RFC 6184 5.8).
pub const FU_A: u8 = 28;
/// Fragmentation unit with a decoding order number: the first of an interleaved NAL unit.
pub const FU_B: u8 = 29;

/// `nal_unit_type`: the low five bits of the header byte.
pub const fn unit_type(header: u8) -> u8 {
    header & 0x1f
}

/// `nal_ref_idc`: 0 when no other picture refers to this one.
pub const fn reference(header: u8) -> u8 {
    header >> 5 & 3
}

/// `forbidden_zero_bit`: set by a network element that knows the NAL unit to be broken.
pub const fn is_forbidden(header: u8) -> bool {
    header & 0x80 != 0
}

/// Whether H.264 itself gives this type a meaning, so that RTP may carry it (RFC 6184 table 1).
pub const fn is_carried(unit_type: u8) -> bool {
    1 <= unit_type && unit_type <= 23
}

/// Whether it holds coded slice data (VCL): an access unit without such has no picture.
///
/// Types 19 (auxiliary picture) to 21 (depth) belong to a primary coded picture, so that they do
/// not make an access unit on their own.
pub const fn is_vcl(unit_type: u8) -> bool {
    1 <= unit_type && unit_type <= 5
}

/// Whether the NAL unit begins with a slice header, whose first field is `first_mb_in_slice`.
pub const fn has_slice_header(unit_type: u8) -> bool {
    matches!(unit_type, SLICE | PARTITION_A | IDR)
}
