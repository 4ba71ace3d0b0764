"""Our own netlink dump says what `ip` says. Needs no root: it looks at the namespace the tests run in."""

from __future__ import annotations

import json
import subprocess

from topologies.link_dump import links


def test_it_says_what_ip_says() -> None:
    shown = json.loads(subprocess.run(["ip", "-j", "-d", "addr"], capture_output=True, check=True).stdout)
    ours = {link["ifindex"]: link for link in links()}
    assert "lo" in {link["ifname"] for link in ours.values()}
    for link in shown:
        mine = ours[link["ifindex"]]
        assert {key: mine.get(key) for key in ("ifname", "mtu", "master", "operstate")} == {
            key: link.get(key) for key in ("ifname", "mtu", "master", "operstate")}
        assert ("UP" in mine["flags"]) == ("UP" in link["flags"])
        assert mine.get("linkinfo", {}).get("info_kind") == link.get("linkinfo", {}).get("info_kind")
        assert mine["addr_info"] == [
            {key: address[key] for key in ("family", "local", "prefixlen")} for address in link["addr_info"]]
