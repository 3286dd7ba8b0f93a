/// The control plane: messages, the [dev.bellows.trainer.control.Coordinator] on the driver, and the worker's link to it.
package dev.bellows.trainer.control;
