/// Keys, sealing and replay protection of what ranks send each other; knows no network and no run.
package dev.bellows.parallelism.security;
