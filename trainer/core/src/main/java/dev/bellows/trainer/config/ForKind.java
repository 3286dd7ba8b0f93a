package dev.bellows.trainer.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// A key that has a meaning only for some kinds of its section; elsewhere it is refused, and left out of the resolved configuration.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface ForKind {
  /// The kinds, as written in the file.
  String[] value();
}
