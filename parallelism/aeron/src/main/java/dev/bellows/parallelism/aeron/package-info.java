/// The Aeron transport and control plane; the only place with `io.aeron`.
package dev.bellows.parallelism.aeron;
