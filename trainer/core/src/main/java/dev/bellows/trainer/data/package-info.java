/// What a run learns from: datasets, the order of their samples, and the loaders that bring batches to a backend.
///
/// [dev.bellows.trainer.data.DataSplits] opens what a configuration asks for; [dev.bellows.trainer.data.SampleOrder] turns the one
/// integer that is the data position into (epoch, index); [dev.bellows.trainer.data.StepLoader] reads ahead.
package dev.bellows.trainer.data;
