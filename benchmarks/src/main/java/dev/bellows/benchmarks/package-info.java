/// Benchmarks against peers and limits measured in the same run. `Benchmarks` finds one by name; each ends with `BENCH NAME key=value …`
/// lines and writes a JSON record with its environment.
package dev.bellows.benchmarks;
