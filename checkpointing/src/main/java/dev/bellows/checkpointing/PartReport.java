package dev.bellows.checkpointing;

import java.io.Serializable;

/// What a writer tells the committer about one finished part; the committer reads the rest from the part's index.
///
/// @param saveId the save
/// @param file name within the checkpoint's folder
/// @param length bytes of the file
/// @param indexLength bytes of its index
/// @param indexSha256 SHA-256 of its index, 64 lower-case hex digits
/// @param pieces how many pieces it holds
/// @param payloadBytes their bytes without headers and pads
public record PartReport(
    String saveId,
    String file,
    long length,
    long indexLength,
    String indexSha256,
    int pieces,
    long payloadBytes)
    implements Serializable {}
