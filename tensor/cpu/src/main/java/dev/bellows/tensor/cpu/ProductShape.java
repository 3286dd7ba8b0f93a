package dev.bellows.tensor.cpu;

/// Everything a prepared product is made for: `c [m, n] (+)= op(a) op(b) (+ bias)` over row-major matrices, `c` and the bias in F32.
///
/// @param half a and b are BF16 instead of F32
/// @param m rows of c
/// @param n columns of c
/// @param k length of the sums
/// @param transposeA `a` is stored [k, m]
/// @param lda elements from one stored row of a to the next
/// @param transposeB `b` is stored [n, k]
/// @param ldb the same for b
/// @param ldc the same for c
/// @param bias a vector [n] is added to each row
/// @param accumulate the product is added to what c holds
record ProductShape(
    boolean half,
    int m,
    int n,
    int k,
    boolean transposeA,
    int lda,
    boolean transposeB,
    int ldb,
    int ldc,
    boolean bias,
    boolean accumulate) {}
