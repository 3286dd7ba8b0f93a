package dev.bellows.parallelism.zero;

import dev.bellows.nn.Parameter;

/// A run of elements of one parameter that one rank owns: it keeps their optimizer state and updates them.
///
/// @param parameter whose elements they are
/// @param start first element
/// @param extent number of elements, above 0
/// @param wholeOffset where the run starts in flat buffers that hold every parameter, in the order of [ZeroLayout#placement]
/// @param shareOffset where it starts in flat buffers that hold the owner's runs only
public record ZeroSlice(
    Parameter parameter, long start, long extent, long wholeOffset, long shareOffset) {}
