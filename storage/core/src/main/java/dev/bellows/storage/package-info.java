/// Files on any file system behind one small SPI: [FileStore]. The local store is part of it; others come by service loader.
package dev.bellows.storage;
