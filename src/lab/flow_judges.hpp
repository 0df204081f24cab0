// SPDX-License-Identifier: MIT
#pragma once

#include "lab/flow.hpp"

namespace aperto::lab {

/// What a packet means to the host that sends it: fills in `out` and moves the connection's state.
void judge_entry(flow& connection, event& out, bytes_view bytes, bool tail_probes);

/// What it means to the host it reaches.
void judge_arrival(flow& connection, event& out, bytes_view bytes);

}  // namespace aperto::lab
