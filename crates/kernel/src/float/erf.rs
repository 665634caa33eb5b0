//! The error function and its complement, as branch-free code like the other functions here.
//!
//! For |x| < 1, erf x = x P(x²). Beyond, erfc |x| = e^(−x²) G(u) / (1 + 2 |x|), where u maps |x| to [−1, 1] by way of
//! t = (|x| − k) / (|x| + k), in which (1 + 2 x) e^(x²) erfc x is nearly a polynomial (Shepherd and Laframboise,
//! *Math. Comp.* 36, 1981). x² is split into a rounded square and its rounding error, so that e^(−x²) keeps its digits.
//! P and G interpolate at Chebyshev points of 2 x² − 1 in [−1, 1] and of u, computed in 60 digits; they are good to 2⁻⁵⁸ and
//! 2⁻²⁷.

macro_rules! erf {
    ($T:ident, $exp:path, $K:expr, $END:expr, $SCALE:expr, $SHIFT:expr, $P:expr, $G:expr) => {
        pub(crate) mod $T {
            const P: &[$T] = &$P;
            const G: &[$T] = &$G;

            /// K, the end, the scale and the shift of u; P; G.
            pub(crate) fn coefficients() -> [&'static [$T]; 3] {
                [&[$K, $END, $SCALE, $SHIFT], P, G]
            }

            /// c₀ + c₁ u + c₂ u² + …
            #[inline(always)]
            fn polynomial(c: &[$T], u: $T) -> $T {
                c.iter().rev().fold(0.0, |sum: $T, &c| sum.mul_add(u, c))
            }

            /// erf x for |x| < 1.
            #[inline(always)]
            fn near(x: $T) -> $T {
                x * polynomial(P, (2.0 * x).mul_add(x, -1.0))
            }

            /// erfc a for a ≥ 1.
            #[inline(always)]
            fn far(a: $T) -> $T {
                let a = if a > $END { $END } else { a };
                let u = ((a - $K) / (a + $K)).mul_add($SCALE, $SHIFT);
                let square = a * a;
                let lost = a.mul_add(a, -square);
                let e = $exp(-square);
                (-lost).mul_add(e, e) * (polynomial(G, u) / (2.0 as $T).mul_add(a, 1.0))
            }

            /// erf x.
            #[inline(always)]
            pub(crate) fn erf(x: $T) -> $T {
                let a = x.abs();
                let beyond = (1.0 - far(a)).copysign(x);
                if a < 1.0 { near(x) } else { beyond }
            }

            /// 1 − erf x.
            #[inline(always)]
            pub(crate) fn erfc(x: $T) -> $T {
                let a = x.abs();
                let far = far(a);
                let beyond = if x < 0.0 { 2.0 - far } else { far };
                if a < 1.0 { 1.0 - near(x) } else { beyond }
            }
        }
    };
}

erf!(
    f64,
    crate::float::f64::exp,
    3.0,
    28.0,
    1.530_864_197_530_864_1,
    -0.234_567_901_234_567_9,
    [
        0.965_468_738_669_867_3,
        -0.140_536_089_022_717_1,
        0.019_852_496_688_983_708,
        -0.002_285_485_561_144_113_2,
        0.000_217_517_156_041_599_32,
        -1.753_716_944_112_486_6e-5,
        1.223_382_738_359_897e-6,
        -7.511_569_286_591_727e-8,
        4.115_800_583_208_149e-9,
        -2.035_228_405_815_769e-10,
        9.167_619_596_865_806e-12,
        -3.807_882_406_319_495_3e-13,
        1.454_388_707_946_511_6e-14
    ],
    [
        1.231_516_844_260_439_4,
        -0.093_153_276_403_206_48,
        -0.001_068_196_529_363_428_3,
        0.019_769_490_813_610_204,
        -0.013_642_858_657_264_419,
        0.005_712_114_429_038_78,
        -0.001_558_428_627_296_558_8,
        0.000_211_259_641_512_232_2,
        2.571_290_847_456_126_2e-5,
        -1.696_333_818_243_525_2e-5,
        1.317_991_549_671_087e-6,
        9.154_536_818_000_64e-7,
        -1.868_527_583_409_501_5e-7,
        -5.225_289_377_868_789e-8,
        1.706_389_580_937_341_5e-8,
        3.695_767_131_003_603_5e-9,
        -1.452_597_379_980_166_7e-9,
        -3.144_737_962_547_128_4e-10,
        1.152_997_528_935_401e-10,
        2.154_271_455_867_814_8e-11,
        -6.561_732_378_426_199e-12
    ]
);

erf!(
    f32,
    crate::float::f32::exp,
    2.0,
    10.5,
    1.973_684_2,
    -0.342_105_27,
    [0.965_468_76, -0.140_536_1, 0.019_852_497, -0.002_285_419_5, 0.000_217_513_55, -1.766_906_8e-5, 1.230_605_4e-6],
    [
        1.256_715_4,
        -0.069_257_23,
        -0.023_308_119,
        0.016_255_911,
        -0.003_764_025_4,
        4.532_531_2e-5,
        0.000_149_692_47,
        -8.477_032e-6,
        -6.688_403e-6
    ]
);
