// SPDX-License-Identifier: MIT
#pragma once

#include "core/sentence.hpp"

#include <fmt/ranges.h>

namespace aperto::lab {

using aperto::counted;
using aperto::sentence;

}  // namespace aperto::lab
