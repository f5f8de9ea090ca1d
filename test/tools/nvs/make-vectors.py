#!/usr/bin/env python3
"""Fills vectors.json with the hashes of what Espressif's generator makes of its cases.

By hand, in a folder with a checkout of https://github.com/espressif/esp-idf-nvs-partition-gen and python3-cryptography:
    python3 PATH/make-vectors.py esp-idf-nvs-partition-gen PATH/vectors.json
"""
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

generator, vectors = (pathlib.Path(word).resolve() for word in sys.argv[1:3])


def pattern(length, seed):
    return bytes((i * 7 + (i >> 8) * 13 + seed) & 255 for i in range(length))


def letters(length, seed):
    return "".join(chr(97 + (byte % 26)) for byte in pattern(length, seed))


class Dice:
    """The generator of vectors.ts: a linear congruence of 31 bits, high bits first."""

    def __init__(self, seed):
        self.state = seed

    def below(self, end):
        self.state = (self.state * 1103515245 + 12345) % 2**31
        return (self.state >> 8) % end


def random_case(seed):
    dice = Dice(seed)
    version = 2 - dice.below(2)
    rows, space = [], 0
    for _ in range(1 + dice.below(40)):
        space += dice.below(4) // 3  # never back: the generator puts what follows into the namespace that is the newest
        namespace = f"space{space}"
        key = f"k{len(rows)}"
        kind = dice.below(10)
        if kind < 4:
            type_ = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"][dice.below(8)]
            bits = min(int(type_[1:]), 53)  # what a number of JavaScript holds
            number = dice.below(2**23) % 2**bits - (2 ** (bits - 1) if type_[0] == "i" else 0)
            rows.append([namespace, key, type_, max(number, -(2 ** (bits - 1)))])
        else:
            short = dice.below(3) > 0
            most = 200 if short else 1900 if version == 1 else 3900 if kind < 7 else 9000
            rows.append([namespace, key, "string" if kind < 7 else "blob", {"length": dice.below(most), "seed": dice.below(256)}])
    size = 0x3000 if len(rows) < 3 and version == 1 else 0x10000 + 0x1000 * dice.below(32)
    return {"version": version, "size": size, "rows": rows, "encrypted": dice.below(4) == 0}


def repeated(rows):
    """A row with a fifth member stands for so many rows: # is the number of each."""
    for row in rows:
        for number in range(row[4] if len(row) > 4 else 1):
            yield json.loads(json.dumps(row[:4]).replace('"#"', str(number)).replace("#", str(number)))


def csv_of(rows):
    lines, current = ["key,type,encoding,value"], None
    for namespace, key, type_, value in repeated(rows):
        if namespace != current:
            lines.append(f"{namespace},namespace,,")
            current = namespace
        if key is None:
            continue
        if type_ == "blob":
            lines.append(f"{key},data,hex2bin,{pattern(value['length'], value['seed']).hex()}")
        elif type_ == "string":
            text = value if isinstance(value, str) else letters(value["length"], value["seed"])
            lines.append(f"{key},data,string,{text}")
        else:
            lines.append(f"{key},data,{type_},{value}")
    return "\n".join(lines) + "\n"


KEYS = pattern(64, 11)


def run(folder, *words):
    done = subprocess.run([sys.executable, "-m", "esp_idf_nvs_partition_gen", *words], cwd=generator, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words}: {done.stdout}{done.stderr}")


def image(case, folder):
    csv, out, keys = folder / "in.csv", folder / "out.bin", folder / "keys.bin"
    csv.write_text(csv_of(case["rows"]))
    keys.write_bytes(KEYS)
    words = ["generate", csv, out, hex(case["size"]), "--version", case["version"]]
    if case.get("encrypted"):
        words[0] = "encrypt"
        words += ["--inputkey", keys]
    run(folder, *(str(word) for word in words))
    return out.read_bytes()


def keys_of(hmac_key, folder):
    (folder / "hmac.bin").write_bytes(hmac_key)
    run(folder, "generate-key", "--key_protect_hmac", "--kp_hmac_inputkey", str(folder / "hmac.bin"), "--keyfile", "derived.bin", "--outdir", str(folder))
    return (folder / "keys" / "derived.bin").read_bytes()


content = json.loads(vectors.read_text())
commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=generator, capture_output=True, text=True).stdout.strip()
if commit:
    content["generator"]["commit"] = commit
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for case in content["cases"]:
        made = image(case, folder)
        case["sha256"] = hashlib.sha256(made).hexdigest()
    content["random"] = [hashlib.sha256(image(random_case(seed), folder)).hexdigest() for seed in range(len(content["random"]))]
    content["hmac"]["sha256"] = hashlib.sha256(keys_of(pattern(32, 5), folder)).hexdigest()
vectors.write_text(json.dumps(content, indent=2) + "\n")
