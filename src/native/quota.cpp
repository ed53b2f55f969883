#include "quota.hpp"

#include <cmath>
#include <fstream>
#include <string>

namespace zk {
namespace {

// "quota period" in microseconds, or "max period" for no limit (cgroup v2).
double from_v2(const std::string& folder) {
    std::ifstream file(folder + "/cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
    return std::stod(quota) / period;
}

double from_v1(const std::string& folder) {
    std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
    double quota = 0, period = 0;
    if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0) return 0;
    return quota / period;
}

// The tightest quota from this process's group up to the root.
double find() {
    const std::string root = "/sys/fs/cgroup";
    double least = from_v1(root + "/cpu");
    const auto take = [&](double found) {
        if (found > 0 && (least <= 0 || found < least)) least = found;
    };
    take(from_v2(root));
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (line.rfind("0::", 0) != 0) continue;
        for (std::string path = line.substr(3); path.size() > 1;
             path.erase(path.find_last_of('/')))
            take(from_v2(root + path));
    }
    return least;
}

}  // namespace

int cpu_quota() {
    static const int quota = static_cast<int>(std::ceil(find()));
    return quota;
}

}  // namespace zk
