// How many processors a container may use, which is often less than the machine has.
#pragma once

namespace zk {

// The cgroup's CPU quota rounded up to whole processors; 0 where there is none. Asked once.
int cpu_quota();

}  // namespace zk
