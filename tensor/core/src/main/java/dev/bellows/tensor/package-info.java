/// Tensors, their memory, counter-based randomness and the [Backend] SPI with its scalar oracle. Depends on the JDK only.
package dev.bellows.tensor;
