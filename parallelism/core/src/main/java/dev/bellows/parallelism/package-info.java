/// How ranks work together: the tree over batch groups, collectives over a [Transport], and the control plane's endpoint SPI.
package dev.bellows.parallelism;
