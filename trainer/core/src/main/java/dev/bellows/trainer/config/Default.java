package dev.bellows.trainer.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// The value of a key that is left out, written as in the file. A key without it must be given.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Default {
  String value();

  /// Other values for some kinds of the section, each written `kind=value`.
  String[] perKind() default {};
}
