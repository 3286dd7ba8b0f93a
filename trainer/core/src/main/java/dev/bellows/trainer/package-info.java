/// One training run: the step loop, the worker that drives it, the driver that starts it, checkpoints and metrics. Knows no Spark: the same
/// code runs on threads of one JVM, in Spark tasks and on a bare machine.
package dev.bellows.trainer;
