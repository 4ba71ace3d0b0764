"""Owns what `lab doctor` tries inside a sandbox: one short shell script a feature, run on a host of its own.

Each script is the feature used as the kit uses it; its last words are the reason when it fails. It runs in fresh
network and mount namespaces, so nothing has to be undone.
"""

from __future__ import annotations

import subprocess
from typing import NamedTuple

_SECONDS = 20


class Trial(NamedTuple):
    """One feature. Without a `fallback` the kit needs it."""

    name: str
    title: str
    script: str
    fallback: str = ""
    labs: str = ""


_NFT = """nft -f - <<'RULES'
table ip trial {
  map choices { typeof numgen inc mod 2 : ip daddr; elements = { 0 : 10.0.0.2, 1 : 10.0.0.3 } }
  chain out {
    type nat hook output priority -100; policy accept;
    tcp dport 80 dnat to numgen inc mod 2 map { 0 : 10.0.0.2, 1 : 10.0.0.3 }
    tcp dport 81 dnat to numgen inc mod 2 map @choices
  }
  chain after {
    type nat hook postrouting priority 100; policy accept;
    masquerade
  }
}
RULES"""

_VXLAN = """ip link add br0 type bridge &&
ip link add vx0 type vxlan id 4096 dstport 4789 nolearning local 127.0.0.1 &&
ip link set vx0 master br0 && bridge fdb add 02:42:0a:00:00:02 dev vx0 dst 127.0.0.2 self permanent"""

_OVERLAY = """mount -t tmpfs none /mnt && cd /mnt && mkdir lower upper work merged && echo a > lower/file &&
{ mount -t overlay none -o userxattr,lowerdir=lower,upperdir=upper,workdir=work merged ||
  mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work merged; } &&
echo b > merged/file && grep -q a lower/file && mkdir merged/dir && rmdir merged/dir"""

_RUNC = r"""mount -t tmpfs none /mnt && mkdir -p /mnt/b/rootfs && cd /mnt/b && mkdir rootfs/proc rootfs/usr &&
runc --root /mnt/state spec && python3 - <<'EDIT'
import json
c = json.load(open("config.json"))
c["process"].update(terminal=False, args=["/usr/bin/true"])
c["mounts"] = [m for m in c["mounts"] if m["destination"] == "/proc"]
c["mounts"].append({"destination": "/usr", "source": "/usr", "type": "bind", "options": ["rbind", "ro"]})
for name in ("lib", "lib64", "bin"):
    __import__("os").symlink("usr/" + name, "rootfs/" + name)
c["linux"]["namespaces"] = [{"type": t} for t in ("pid", "ipc", "uts", "mount")]
c["linux"].pop("resources", None)
json.dump(c, open("config.json", "w"))
EDIT
runc --root /mnt/state run trial"""

TRIALS = (
    Trial("veth", "veth pairs", "ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up"),
    Trial("bridge", "Linux bridges", "ip link add br0 type bridge && ip link set br0 up"),
    Trial("vxlan", "VXLAN with static forwarding entries", _VXLAN),
    Trial("nft", "nftables (nat, numgen, maps, masquerade)", _NFT),
    Trial("overlayfs", "overlayfs on a tmpfs", _OVERLAY),
    Trial("runc", "runc containers", _RUNC),
    Trial("conmon", "conmon", "conmon --version >/dev/null"),
    Trial("capture", "packet capture (AF_PACKET)",
          "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'"),
    Trial("bandwidth", "bandwidth limits (tbf)", "ip link add v0 type veth peer name v1 && "
          "tc qdisc add dev v0 root tbf rate 10mbit burst 32kbit latency 50ms",
          "bandwidth extensions answer 'could not run here'", "08"),
    Trial("netem", "netem", "ip link add v0 type veth peer name v1 && tc qdisc add dev v0 root netem delay 10ms",
          "delay and loss extensions answer 'could not run here'", "08"),
    Trial("cgroups", "cgroups of the lab's own (limits, docker pause)",
          "mkdir /sys/fs/cgroup/pids/trial 2>/dev/null && rmdir /sys/fs/cgroup/pids/trial || "
          "{ mkdir /sys/fs/cgroup/trial && rmdir /sys/fs/cgroup/trial; }",
          "limits are accepted, counted by the scheduler and not enforced; only root can make cgroups for a lab",
          "all: fine"),
    Trial("ip_vs", "IPVS", "test -e /proc/net/ip_vs", "nftables numgen balances", "02 03 11: fine"),
    Trial("openvswitch", "Open vSwitch", "ovs-vsctl --version", "Linux bridges", "all: fine"),
    Trial("esp", "ESP (IPsec)", "ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 1 reqid 1 mode transport "
          "aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128",
          "encrypted overlays are refused with an error", "overlay --opt encrypted"),
)


def run_all() -> dict[str, str]:
    """The reason why not, by trial; empty for what works."""
    return {trial.name: _run(trial.script) for trial in TRIALS}


def _run(script: str) -> str:
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return reason(done.stderr + done.stdout) or f"exit status {done.returncode}"


def reason(said: str) -> str:
    """The line of a tool's complaint that says something: the last with 'error' in it, else the last."""
    lines = [line.strip() for line in said.splitlines() if any(char.isalpha() for char in line)]
    telling = [line for line in lines if "error" in line.lower()]
    return (telling or lines or [""])[-1]
