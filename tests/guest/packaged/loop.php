<?php
function mix($n) { $x = 1; for ($i = 0; $i < $n; $i++) { $x = ($x * 31 + $i) % 1000003; } return $x; }
echo mix(200000), ' ', opcache_get_status()['jit']['on'] ? 'compiled' : 'interpreted', "\n";
