"""The life of a job as the design's table has it, copied by hand: what the code's own table is held against."""

from __future__ import annotations

from dataclasses import dataclass

# from     | event          | when    | to         | allowance | spend   | failure
_LIFE = """
held       | approved       | any     | preparing  |           | reserve |
held       | declined       | any     | failed     | release   |         | declined
held       | expired        | any     | failed     | release   |         | expired
held       | cancel         | any     | cancelled  | release   |         |

preparing  | prepared       | any     | queued     |           |         |
preparing  | unfit          | any     | failed     | release   | release | bad_input
preparing  | internal       | any     | failed     | release   | release | internal
preparing  | busy           | any     | failed     | release   | release | busy
preparing  | cancel         | any     | cancelled  | release   | release |
preparing  | restored       | any     | unsure     |           |         |

queued     | submit         | any     | submitting |           |         |
queued     | rerouted       | any     | preparing  |           |         |
queued     | exhausted      | any     | failed     | release   | release | told
queued     | busy           | any     | failed     | release   | release | busy
queued     | cancel         | any     | cancelled  | release   | release |
queued     | restored       | any     | unsure     |           |         |

submitting | ticket         | any     | generating |           |         |
submitting | void_wait      | any     | queued     |           |         |
submitting | void_rerouted  | any     | preparing  |           |         |
submitting | void_failed    | any     | failed     | release   | release | told
submitting | void_wait      | wished  | cancelled  | release   | release |
submitting | void_rerouted  | wished  | cancelled  | release   | release |
submitting | void_failed    | wished  | cancelled  | release   | release |
submitting | no_answer      | any     | unsure     |           |         |
submitting | cancel         | any     | submitting |           |         |

unsure     | ticket         | any     | generating |           |         |
unsure     | ticket         | overdue | late       |           |         |
unsure     | void_wait      | any     | queued     |           |         |
unsure     | void_rerouted  | any     | preparing  |           |         |
unsure     | void_failed    | any     | failed     | release   | release | told
unsure     | void_wait      | wished  | cancelled  | release   | release |
unsure     | void_rerouted  | wished  | cancelled  | release   | release |
unsure     | void_failed    | wished  | cancelled  | release   | release |
unsure     | lost           | any     | failed     | release   | assumed | lost
unsure     | lost           | wished  | cancelled  | release   | assumed |
unsure     | unpaid         | any     | failed     | release   | release | provider_error
unsure     | unpaid         | wished  | cancelled  | release   | release |
unsure     | cancel         | any     | unsure     |           |         |
unsure     | running        | any     | unsure     |           |         |
unsure     | deadline       | any     | unsure     |           |         |

generating | running        | any     | generating |           |         |
generating | deadline       | any     | late       |           |         |
generating | cancel         | any     | generating |           |         |
generating | keep           | any     | generating |           |         |
generating | discarded      | any     | generating |           |         |
generating | finished       | any     | fetching   |           | bill    |
generating | finished       | hidden  | cancelled  | own       | bill    |
generating | refused        | any     | failed     | release   | bill    | told
generating | refused        | hidden  | cancelled  | release   | bill    |
generating | stopped        | any     | cancelled  | release   | bill    |
generating | ticket_unknown | any     | unsure     |           |         |
generating | retention_over | any     | failed     | release   | assumed | timed_out
generating | retention_over | hidden  | cancelled  | release   | assumed |

late       | running        | any     | late       |           |         |
late       | cancel         | any     | late       |           |         |
late       | keep           | any     | late       |           |         |
late       | discarded      | any     | late       |           |         |
late       | finished       | any     | fetching   |           | bill    |
late       | finished       | hidden  | cancelled  | own       | bill    |
late       | refused        | any     | failed     | release   | bill    | told
late       | refused        | hidden  | cancelled  | release   | bill    |
late       | stopped        | any     | cancelled  | release   | bill    |
late       | ticket_unknown | any     | unsure     |           |         |
late       | retention_over | any     | failed     | release   | assumed | timed_out
late       | retention_over | hidden  | cancelled  | release   | assumed |

fetching   | running        | any     | fetching   |           |         |
fetching   | fetched        | any     | delivering |           |         |
fetching   | no_output      | any     | failed     | release   |         | no_output

delivering | running        | any     | delivering |           |         |
delivering | posted         | any     | delivered  | charge    |         |
delivering | unplaced       | any     | kept       |           |         |

kept       | collected      | any     | delivered  | charge    |         |
kept       | discarded      | any     | cancelled  | own       |         |
kept       | uncollected    | any     | failed     | release   |         | uncollected
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one line says; allowance `own` is a charge where the requester discarded it, a failure `told` is the move's own."""

    source: str
    event: str
    when: str
    target: str
    allowance: str
    spend: str
    kind: str

    @property
    def name(self) -> str:
        """What a test of this line is called."""
        return "-".join(part for part in (self.source, self.event, self.when) if part != "any")


LIFE = tuple(Expected(*(cell.strip() for cell in line.split("|"))) for line in _LIFE.splitlines() if line)
