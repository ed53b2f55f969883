#!/usr/bin/env bash
# run.sh CHECK FOLDER: runs the static program CHECK on an emulated processor with AVX-512 (Bochs), under a
# Linux kernel that starts nothing else; its output goes to FOLDER/serial. Most of an hour.
set -euo pipefail
check=$(realpath "$1") folder=$2
here=$(cd "$(dirname "$0")" && pwd)

kernel=${ZK_LINUX:-$(find /boot -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -1)}
missing=()
for each in bochs grub-mkrescue xorriso mformat cpio; do
    command -v "$each" >/dev/null || missing+=("$each")
done
[ -n "$kernel" ] || missing+=("a Linux kernel (/boot/vmlinuz-*, or ZK_LINUX=file)")
if [ ${#missing[@]} -gt 0 ]; then
    echo "make avx512: compiled, and not run: this processor has no AVX-512, and to emulate one is missing:"
    printf '  %s\n' "${missing[@]}"
    echo "on Debian and Ubuntu: apt install bochs grub-common grub-pc-bin xorriso mtools cpio linux-image-amd64"
    exit 0
fi

rm -rf "$folder"
mkdir -p "$folder/root/dev" "$folder/disc/boot/grub"
"${CC:-cc}" -O1 -Wall -Wextra -Werror -static "$here/init.c" -o "$folder/root/init"
cp "$check" "$folder/root/check"
(cd "$folder/root" && find . | cpio --quiet -o -H newc) >"$folder/disc/boot/initrd"
cp "$kernel" "$folder/disc/boot/vmlinuz"
# Bochs tells sizes of compacted states that this kernel doubts, and then it does without AVX.
cat >"$folder/disc/boot/grub/grub.cfg" <<'GRUB'
set timeout=0
linux /boot/vmlinuz console=ttyS0 quiet mitigations=off nosmp noapic nolapic tsc=reliable lpj=1000000 nokaslr random.trust_cpu=on noxsaves clearcpuid=xsavec,xsaves rdinit=/init
initrd /boot/initrd
boot
GRUB
cd "$folder"
grub-mkrescue -o disc.iso disc >mkrescue.log 2>&1
cat >bochsrc <<'BOCHS'
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, gameport=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
display_library: rfb, options="timeout=0"
megs: 512
cpu: model=corei7_skylake_x, count=1, ips=200000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial
clock: sync=none
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
BOCHS
echo "avx512: running $(basename "$check") in Bochs, most of an hour"
# A Bochs with its debugger asks before it begins ('c'), and ends when its input does.
mkfifo input
bochs -q -f bochsrc <input >bochs.out 2>&1 &
bochs=$!
exec 3>input
echo c >&3
trap 'kill $bochs 2>/dev/null || true' EXIT
wait "$bochs" || true
tr -d '\r' <serial | grep -a '^kernels for' || true
tr -d '\r' <serial | grep -aq '^check: status 0$' || {
    echo "make avx512: the check did not end well; see $folder/serial and $folder/bochs.log"
    exit 1
}
