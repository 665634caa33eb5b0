//! The constants that the [formulas](super::formulas) need for `f32`.

/// ln 2 = `LN2_HI` + `LN2_LO`; the high part ends in 8 zero bits, so that n · `LN2_HI` is exact for |n| < 256.
const LN2_HI: f32 = 0.693_145_75;
const LN2_LO: f32 = 1.428_606_8e-6;

/// eˣ rounds to 0 up to the first bound and to ∞ from the second on; e⁻ˣ is negligible beside 1 from the third on.
const LEAST: f32 = -104.0;
const LARGEST: f32 = 89.0;
const FLAT: f32 = 20.0;

/// (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2; the error is 2⁻²⁶ of eʳ − 1.
const EXP: [f32; 5] = [0.5, 0.166_665_5, 0.041_666_854, 0.008_366_011, 0.001_389_825_5];

/// (2 artanh s − 2 s) / s³ in powers of s²; the error is 2⁻²⁷ of ln(1 + f).
const ARTANH: [f32; 4] = [0.666_664_5, 0.400_217_35, 0.279_801_22, 0.281_753_57];

/// 2k / (2k + 1)! for k = 1, 2, …
const TANHSHRINK: [f32; 8] = [
    0.333_333_34,
    0.033_333_335,
    0.001_190_476_2,
    2.204_585_5e-5,
    2.505_210_8e-7,
    1.927_085_3e-9,
    1.070_602_9e-11,
    4.498_331_6e-14,
];

super::formulas::formulas!(f32, u32);
