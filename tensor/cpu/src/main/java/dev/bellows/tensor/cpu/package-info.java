/// The CPU backend: matrix products by oneDNN through the foreign function interface, everything else by the Vector API.
///
/// Kernels are small static methods over absolute addresses of native memory. They check nothing: [CpuBackend] checks shapes and
/// lifetimes before it hands addresses out. No kernel uses `lanewise(EXP)` or a floating `reduceLanes(ADD)`: their bits differ
/// between interpreted and compiled code, and a resumed run must repeat the bits of the first.
package dev.bellows.tensor.cpu;
