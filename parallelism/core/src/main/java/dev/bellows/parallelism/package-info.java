/// How ranks work together: the tree over batch groups, collectives and messages over a [Transport] for all ranks or groups of them, and the
/// control plane's endpoint SPI.
package dev.bellows.parallelism;
