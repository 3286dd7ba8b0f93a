# Checks the hashes of a checkpoint folder as docs/formats/checkpoint.md states them.
import hashlib, json, os, sys
folder = sys.argv[1]
read = lambda name: open(os.path.join(folder, name), "rb").read()
raw = read("manifest.json")
digits = raw[-68:-4]
assert hashlib.sha256(raw[:-68] + b"0" * 64 + raw[-4:]).hexdigest().encode() == digits, "manifest"
manifest = json.loads(raw)
assert manifest["sha256"].encode() == digits and manifest["kind"] == "bellows.checkpoint" and manifest["version"] == 1
for part in manifest["parts"]:
    index = read(part["file"].replace(".safetensors", ".index.json"))
    assert hashlib.sha256(index).hexdigest() == part["indexSha256"] and len(index) == part["indexLength"], part["file"]
    assert os.path.getsize(os.path.join(folder, part["file"])) == part["length"] == json.loads(index)["length"], part["file"]
print("good", len(manifest["parts"]))
