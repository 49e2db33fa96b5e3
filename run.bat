@echo off
rem lucidray from a checkout. Makes its own environment on first use and runs lucidray in the caller's folder.
rem No blocks in brackets below: a path such as C:\Program Files (x86) would end them.
setlocal EnableExtensions DisableDelayedExpansion
set "PYTHONUTF8=1"
set "ROOT=%~dp0."
for %%I in ("%ROOT%") do set "ROOT=%%~fI"
set "VENV=%ROOT%\.venv"
if defined LUCIDRAY_VENV for %%I in ("%LUCIDRAY_VENV%") do set "VENV=%%~fI"
set "PY=%VENV%\Scripts\python.exe"
set "MARK=%VENV%\made-by-lucidray.txt"

if "%~1"=="" goto usage
if /i "%~1"=="help" goto usage
if /i "%~1"=="setup" goto setup
if /i "%~1"=="test" goto test
for %%C in (serve token purge export) do if /i "%~1"=="%%C" goto server

call :installed base
if errorlevel 1 call :install base demo
if errorlevel 1 exit /b 1
"%PY%" -P -m lucidray %*
exit /b %ERRORLEVEL%

:server
call :installed server
if errorlevel 1 call :install server demo,server
if errorlevel 1 exit /b 1
"%PY%" -P -m lucidray %*
exit /b %ERRORLEVEL%

:usage
echo lucidray reads chest radiographs offline, with the evidence for every sentence.
echo.
echo   run.bat demo                      read a real film and open the report in the browser
echo   run.bat read chest.dcm            the report on the terminal; more: run.bat read --help
echo   run.bat serve                     the workstation in the browser: worklist, viewer, report
echo   run.bat doctor                    what works here, and cures for what does not
echo   run.bat --help                    all commands
echo   run.bat setup [EXTRA...]          install optional parts, for example: run.bat setup train
echo   run.bat test [PYTEST OPTIONS]     run the tests
echo.
echo The first use makes an environment in .venv (or %%LUCIDRAY_VENV%%) and needs the network for it; later ones do not.
echo Research use only, not for clinical diagnosis.
exit /b 0

:setup
set "EXTRAS=demo"
:next_extra
shift
if "%~1"=="" goto have_extras
set "EXTRAS=%EXTRAS%,%~1"
goto next_extra
:have_extras
call :install base %EXTRAS%
exit /b %ERRORLEVEL%

:test
set "REST="
:next_option
shift
if "%~1"=="" goto have_options
set "REST=%REST% %1"
goto next_option
:have_options
call :installed test
if errorlevel 1 call :install test demo,test
if errorlevel 1 exit /b 1
cd /d "%ROOT%"
"%PY%" -P -m pytest -rs -m "not extra" %REST%
exit /b %ERRORLEVEL%

rem installed NAME: whether nothing that the installation depends on has changed since
:installed
if not exist "%PY%" exit /b 1
if not exist "%VENV%\installed-%~1.txt" exit /b 1
set "STAMP="
set /p STAMP=<"%VENV%\installed-%~1.txt"
if not "%STAMP%"=="%ROOT%" exit /b 1
fc /b "%ROOT%\pyproject.toml" "%VENV%\installed-%~1.toml" >nul 2>&1
exit /b %ERRORLEVEL%

rem install NAME EXTRAS: stamps are written last, so that an interrupted installation is taken up again
:install
set "NAME=%~1"
rem a comma parts arguments: everything after the first is the list of extras
set "LIST=%~2"
:next_part
if "%~3"=="" goto have_parts
set "LIST=%LIST%,%~3"
shift /3
goto next_part
:have_parts
call :environment
if errorlevel 1 exit /b 1
echo lucidray: installing %LIST% (once; a minute or two) 1>&2
del /q "%VENV%\installed-base.txt" "%VENV%\installed-test.txt" "%VENV%\installed-server.txt" >nul 2>&1
"%PY%" -m pip install --quiet --disable-pip-version-check --no-input --editable "%ROOT%[%LIST%]" 1>&2 <nul
if errorlevel 1 goto install_failed
call :stamp base
call :stamp %NAME%
echo lucidray: ready 1>&2
exit /b 0
:stamp
copy /y "%ROOT%\pyproject.toml" "%VENV%\installed-%~1.toml" >nul
>"%VENV%\installed-%~1.txt" echo %ROOT%
exit /b 0
:install_failed
echo error: the installation did not finish (see above); it needs the network once: try again when it is there 1>&2
exit /b 1

:environment
"%PY%" -m pip --version >nul 2>&1 <nul
if not errorlevel 1 goto check_version
if not exist "%VENV%\" goto make
if exist "%MARK%" goto make
echo error: %VENV% is no working Python environment and was not made here: remove it, or set LUCIDRAY_VENV 1>&2
exit /b 1
:check_version
"%PY%" -c "import sys; sys.exit(sys.version_info < (3, 11))" <nul
if not errorlevel 1 exit /b 0
echo error: the environment in %VENV% has a Python older than 3.11: remove it, or set LUCIDRAY_VENV 1>&2
exit /b 1
:make
set "BASE="
if defined LUCIDRAY_PYTHON call :try "%LUCIDRAY_PYTHON%"
if not defined BASE call :try py -3.13
if not defined BASE call :try py -3.12
if not defined BASE call :try py -3.11
if not defined BASE call :try py -3
if not defined BASE call :try python
if not defined BASE goto no_python
echo lucidray: making an environment in %VENV% 1>&2
if exist "%VENV%\" rmdir /s /q "%VENV%"
mkdir "%VENV%"
if errorlevel 1 goto no_environment
echo made by run.bat>"%MARK%"
%BASE% -m venv "%VENV%" 1>&2 <nul
if errorlevel 1 goto no_environment
exit /b 0
:no_python
echo error: no Python 3.11 or newer was found: install one (https://www.python.org/downloads) or name it in LUCIDRAY_PYTHON 1>&2
exit /b 1
:no_environment
echo error: the environment in %VENV% could not be made; set LUCIDRAY_VENV to a folder where you may write 1>&2
exit /b 1

:try
%* -c "import sys; sys.exit(sys.version_info < (3, 11))" >nul 2>&1 <nul
if errorlevel 1 exit /b 0
set BASE=%*
exit /b 0
