package dev.bellows.benchmarks;

import java.nio.FloatBuffer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.FileStore;
import org.bytedeco.pytorch.GlooDeviceVector;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// Gloo's all-reduce as libtorch calls it, over TCP on the loopback interface, which is all that Gloo has on one host.
final class GlooReducer implements RankReducer {
  private final ProcessGroupGloo group;
  private Tensor tensor =
      torch.empty(new long[] {1}, new TensorOptions(torch.ScalarType.Float), null);
  private FloatBuffer numbers = tensor.createBuffer();
  private TensorVector tensors = new TensorVector(tensor);

  /// Ranks find each other through `file`, which must not exist yet.
  GlooReducer(int rank, String file) {
    torch.set_num_threads(1);
    ProcessGroupGloo.Options options = ProcessGroupGloo.Options.create();
    options.devices(new GlooDeviceVector(ProcessGroupGloo.createDeviceForHostname("127.0.0.1")));
    group = new ProcessGroupGloo(new FileStore(file, 2), rank, 2, options);
  }

  @Override
  public void fill(long elements, float value) {
    if (tensor.numel() != elements) {
      tensors.close();
      tensor.close();
      tensor = torch.empty(new long[] {elements}, new TensorOptions(torch.ScalarType.Float), null);
      numbers = tensor.createBuffer();
      tensors = new TensorVector(tensor);
    }
    for (int i = 0; i < elements; i++) {
      numbers.put(i, value);
    }
  }

  @Override
  public float element(long index) {
    return numbers.get((int) index);
  }

  @Override
  public void barrier() {
    try (PointerScope scope = new PointerScope()) {
      group.barrier()._wait();
    }
  }

  @Override
  public void allReduce() {
    try (PointerScope scope = new PointerScope()) {
      group.allreduce(tensors)._wait();
    }
  }

  @Override
  public void close() {
    group.close();
    tensors.close();
    tensor.close();
  }
}
