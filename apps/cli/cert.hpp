// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace aperto::cli {

struct cert_request {
    std::vector<std::string> names;  ///< none: this machine's
    std::string folder = ".";
    unsigned days = 365;
};
/// A local authority and a certificate by it, as files.
int run_cert(const cert_request& request);

}  // namespace aperto::cli
