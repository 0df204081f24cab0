// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <string>
#include <string_view>
#include <system_error>

namespace aperto {

/// Conditions that TCP services meet and that errno has no name for.
///
/// They are `std::error_code`s of `aperto_category()`. Everything the kernel reports keeps its own errno in
/// `std::system_category()`. A deadline of ours that passed is `deadline`, which compares equal to
/// `std::errc::timed_out` as the kernel's own time-outs do.
enum class errc {
    cancelled = 1,      ///< The wait was given up because its scope was cancelled or its loop is ending.
    cut_short,          ///< The peer closed in the middle of a message or a reply.
    message_too_large,  ///< A message is, or says that it will be, larger than the limit.
    malformed,          ///< The text is not of the form that was asked for (an address, a duration, a frame).
    name_not_found,     ///< The resolver knows no address for this name.
    name_try_again,     ///< The resolver could not answer now.
    refused_by_policy,  ///< A limit or an access list of this server turned the connection away.
    closed,             ///< The stream was used after it had been closed on this side.
    deadline,           ///< A deadline of this side passed.
    misuse,             ///< Two reads or two writes of one stream at once, or its end beside one that waits.
};

/// The category of `errc`, "aperto". One object a process.
const std::error_category& aperto_category() noexcept;
/// So that an `errc` is a std::error_code where one is wanted.
std::error_code make_error_code(errc code) noexcept;

/// What went wrong, with its context: what was tried, with whom, what happened and, where it is known, what
/// to do.
///
/// `what()` reads "could not connect to sala-3 port 9999: Connection refused". `code()` compares with
/// `std::errc` and `aperto::errc`. End of stream is never an error; it is a value (see stream.hpp).
class error : public std::system_error {
public:
    /// `tried` reads on from "could not": "connect to", "listen on", "receive from".
    error(std::error_code code, std::string_view tried, std::string_view whom = {},
          std::string_view advice = {});
    /// The same, of `errc`.
    error(errc code, std::string_view tried, std::string_view whom = {}, std::string_view advice = {});

    /// The code of a negative errno as the loop's operations return it; `-ECANCELED` is `errc::cancelled`.
    static std::error_code code_of(int negative_errno) noexcept;
    /// From a negative errno as the loop's operations return it.
    static error from_result(int negative_errno, std::string_view tried, std::string_view whom = {},
                             std::string_view advice = {});

    /// What was tried, to read on from "could not".
    const std::string& tried() const noexcept { return tried_; }
    /// With whom: an address, a name, an option; empty where there is nobody.
    const std::string& whom() const noexcept { return whom_; }
    /// A sentence on what the reader can do about it; empty where nothing sure is known.
    const std::string& advice() const noexcept { return advice_; }

private:
    std::string tried_;
    std::string whom_;
    std::string advice_;
};

}  // namespace aperto

template <>
struct std::is_error_code_enum<aperto::errc> : std::true_type {};
