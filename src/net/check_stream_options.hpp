// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/stream.hpp"

#include <string_view>

namespace aperto {

/// Throws `error` (`errc::malformed`) on the first option that no stream can work with: its name after
/// `prefix`, its value and what it takes.
void check_stream_options(std::string_view prefix, const stream_options& chosen);

}  // namespace aperto
