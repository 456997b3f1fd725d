"""The networks of the table."""

from dataclasses import dataclass

from bench.quality.impairment import Bursts, Impairment


@dataclass(frozen=True)
class Condition:
    name: str
    impairment: Impairment


CONDITIONS = (
    Condition("nothing", Impairment()),
    Condition("loss 2 %", Impairment(loss=0.02)),
    Condition("loss 5 %", Impairment(loss=0.05)),
    Condition("loss 10 %", Impairment(loss=0.10)),
    Condition("loss 5 % in bursts of 4", Impairment(bursts=Bursts(loss=0.05, mean_packets=4))),
    Condition("jitter 50 ms, in order", Impairment(jitter_us=50_000, in_order=True)),
    Condition("jitter 50 ms, reordering", Impairment(jitter_us=50_000)),
    Condition("reordering: 5 % come 45 ms later", Impairment(held_back=0.05, held_back_us=45_000)),
    Condition("reordering: 5 % come 120 ms later", Impairment(held_back=0.05, held_back_us=120_000)),
    Condition("duplication 10 %", Impairment(duplication=0.10)),
    Condition(
        "loss 5 %, jitter 50 ms, reordering, duplication 2 %",
        Impairment(loss=0.05, jitter_us=50_000, duplication=0.02),
    ),
)
