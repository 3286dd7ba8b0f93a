package dev.bellows.nn;

/// Records operations and walks them backwards.
public final class Tape {}
