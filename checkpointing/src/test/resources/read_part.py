# Reads one part by the published safetensors rules alone and prints: name dtype shape hex-of-data.
import json, struct, sys
with open(sys.argv[1], "rb") as f:
    raw = f.read()
(n,) = struct.unpack("<Q", raw[:8])
assert n <= 100_000_000 and raw[8:9] == b"{", "header"
header = json.loads(raw[8 : 8 + n], object_pairs_hook=lambda pairs: dict(pairs) if len(dict(pairs)) == len(pairs) else sys.exit("duplicate key"))
metadata = header.pop("__metadata__")
assert all(isinstance(v, str) for v in metadata.values()), "metadata"
size = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2, "U8": 1, "BOOL": 1}
at = 0
for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    begin, end = entry["data_offsets"]
    count = 1
    for dim in entry["shape"]:
        count *= dim
    assert begin == at and end - begin == count * size[entry["dtype"]], name
    print(name, entry["dtype"], ",".join(map(str, entry["shape"])) or "-", raw[8 + n + begin : 8 + n + end].hex() or "-")
    at = end
assert 8 + n + at == len(raw), "length"
print("values", *struct.unpack("<4f", raw[8 + n : 8 + n + 16]), *[k + "=" + v for k, v in sorted(metadata.items())])
