// SPDX-License-Identifier: MIT
#pragma once

#include "lab/wire/link.hpp"

#include <string>

namespace aperto::lab {

/// One packet as a JSON object on one line (docs/lab.md describes the fields). `cause` is the narrator's text
/// of a loss, in English; the keys and enumerated values never change with the language.
std::string event_json(const event& one, const std::vector<named_fault>& named);

/// `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

/// The names used in JSON, for pages and tests too.
std::string_view cause_name(loss_cause cause);
std::string_view resend_name(resend_cause cause);
std::string_view side_name(side one);
std::vector<std::string_view> mark_names(const event& one);
std::vector<std::string_view> fault_names(const event& one);

}  // namespace aperto::lab
