/// Tensor parallelism at run time: what the ranks of the tensor axis exchange while a model runs, and once a step for the gradients that they share.
package dev.bellows.parallelism.tensor;
