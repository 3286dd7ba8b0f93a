/// Pipeline parallelism: schedules as data, what they cost, and the executor that plays one stage's list.
///
/// A model is cut into p · v *model chunks* of consecutive layers, p stages with v chunks each; chunk c lies on stage c mod p, so neighbouring
/// chunks lie on neighbouring stages and the last stage hands on to the first. In this package *chunk* always means a model chunk.
package dev.bellows.parallelism.pipeline;
