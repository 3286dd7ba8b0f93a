/// A [dev.bellows.storage.FileStore] over Hadoop's file systems; the only place with `org.apache.hadoop`.
package dev.bellows.storage.hadoop;
